"""The same three routes in other people's stacks, small and without what Guzo does beyond: logs, metrics, refusals.

`shop.py` is what two of them share: the calls of AWS and Chapa that Guzo makes too, with boto3 and requests.
"""
