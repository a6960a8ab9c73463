"""AWS on this machine: MiniStack, DynamoDB Local, the tables and queues in them, and the rights of each function."""
