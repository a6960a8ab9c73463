"""AWS's list prices, and where each of them was read."""

from __future__ import annotations

from dataclasses import dataclass

PRICED_ON, REGION = "2026-11-26", "us-east-1"
HOURS = 730
MILLION = 1e6


@dataclass(frozen=True)
class Source:
    """Where a price was read: a page, and when that page says it is from; empty where it does not say."""

    page: str
    dated: str = ""

    def __str__(self) -> str:
        return f"[{self.page.partition('/')[0]}](https://{self.page})" + (f", {self.dated}" if self.dated else "")


SIMPLE_API = Source("appropri8-astro.pages.dev/tutorials/2025/12/02/deploying-simple-api-aws/page/7", "2025-12-02")
LAMBDA = Source("cloudchipr.com/blog/aws-lambda-pricing", "2024")
DYNAMODB = Source("airbyte.com/data-engineering-resources/dynamodb-pricing")
SERVERLESS = Source("gist.github.com/allenheltondev/d028926b7fe3b0656c96af9140ab55e3", "2020-03-11")
SQS = Source("cloudburn.io/blog/amazon-sqs-pricing", "2026-03-14")
SES = Source("www.acecloudinterviews.com/tutorials/aws/ses/")
CLOUDWATCH = Source("www.factualminds.com/blog/amazon-cloudwatch-pricing-metrics-logs-alarms-dashboards/", "2026-06-13")
CUSTOM_METRICS = Source("signoz.io/guides/cloudwatch-pricing", "2026-02-15")
WAF = Source("c3x.dev/blog/aws-waf-cost-explained/")
KMS = Source("aws.amazon.com/kms/pricing/")
RDS = Source("infratally.com/articles/aws-rds-pricing-explained-2026.html", "2026")
RDS_STORAGE = Source("www.usage.ai/blogs/aws/reserved-instances/rds/pricing-calculator/", "2026-06")
BALANCER = Source("cloud-horizons.com/blog/alb-the-line-item-nobody-watches/", "2026-05-08")


@dataclass(frozen=True)
class Price:
    """A list price in dollars; without a source it was put down from memory, and nobody has seen it on a page."""

    amount: float
    unit: str
    source: Source | None = None


PRICES: dict[str, Price] = {
    "Lambda, requests": Price(0.20 / MILLION, "a request", SIMPLE_API),
    "Lambda, arm64": Price(0.0000133334, "a GB-second", LAMBDA),
    "API Gateway, REST": Price(3.50 / MILLION, "a call", SIMPLE_API),
    "DynamoDB, writes": Price(0.625 / MILLION, "a unit", DYNAMODB),
    "DynamoDB, reads": Price(0.125 / MILLION, "a unit", DYNAMODB),
    "DynamoDB, storage and recovery": Price(0.25 + 0.20, "a GB and month", SERVERLESS),
    "SQS": Price(0.40 / MILLION, "a request", SQS),
    "SES": Price(0.10 / 1000, "an e-mail", SES),
    "CloudWatch, logs": Price(0.50, "a GB", CLOUDWATCH),
    "CloudWatch, metrics": Price(0.30, "a metric and month", CUSTOM_METRICS),
    "CloudWatch, alarms": Price(0.10, "an alarm and month"),
    "CloudWatch, dashboards": Price(3.00, "a dashboard and month", CLOUDWATCH),
    "X-Ray": Price(5.00 / MILLION, "a trace"),
    "Data out": Price(0.09, "a GB", SIMPLE_API),
    "Cognito, Essentials": Price(0.015, "a person a month"),
    "WAF, list and rules": Price(5.00 + 5 * 1.00, "a month", WAF),
    "WAF, calls": Price(0.60 / MILLION, "a call", WAF),
    "KMS": Price(1.00, "a key and month", KMS),
    "EC2, t4g.small": Price(0.0168 * HOURS, "a month"),
    "EBS, gp3": Price(0.08, "a GB and month"),
    "RDS PostgreSQL, db.t4g.small in two zones": Price(0.064 * HOURS, "a month", RDS),
    "RDS PostgreSQL, db.m7g.large in two zones": Price(0.336 * HOURS, "a month"),
    "RDS, storage in two zones": Price(0.23, "a GB and month", RDS_STORAGE),
    "ElastiCache, cache.t4g.small": Price(0.032 * HOURS, "a month"),
    "ElastiCache, cache.m7g.large": Price(0.158 * HOURS, "a month"),
    "Load balancer": Price(0.0225 * HOURS + 0.008 * HOURS, "a month", BALANCER),
    "Public IPv4 address": Price(0.005 * HOURS, "an address and month"),
}


def price(name: str) -> float:
    """A list price."""
    return PRICES[name].amount
