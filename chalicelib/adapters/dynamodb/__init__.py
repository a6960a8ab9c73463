"""The stores on DynamoDB: every key, condition and transaction."""
