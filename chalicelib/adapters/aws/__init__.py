"""SQS, SES and SSM: each implements a port over a client of the shared botocore session."""
