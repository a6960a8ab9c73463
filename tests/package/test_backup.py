"""What is copied to another account, and what Athena may read."""

from __future__ import annotations

from tests.package.reading import KEY, of_type, properties
from tools.stage_template import Template


def test_every_table_is_copied_to_the_other_account_each_day(template: Template) -> None:
    [rule] = properties(template, "BackupPlan")["BackupPlan"]["BackupPlanRule"]
    [copy] = rule["CopyActions"]
    assert rule["TargetBackupVault"] == {"Ref": "BackupVault"}
    assert copy["DestinationBackupVaultArn"] == {"Ref": "BackupVaultArn"}
    assert rule["Lifecycle"]["DeleteAfterDays"] < copy["Lifecycle"]["DeleteAfterDays"]
    chosen = properties(template, "BackupSelection")["BackupSelection"]
    tables = of_type(template, "AWS::DynamoDB::Table")
    assert chosen["Resources"] == [{"Fn::GetAtt": [name, "Arn"]} for name in tables]
    assert len(tables) == 3


def test_the_vault_has_a_key_that_the_other_account_may_use(template: Template) -> None:
    """AWS copies to another account only what is encrypted by a key of one's own."""
    own = {"Fn::GetAtt": ["BackupKey", "Arn"]}
    assert properties(template, "BackupVault")["EncryptionKeyArn"] == {"Fn::If": ["HasKey", KEY, own]}
    by_others = [
        statement
        for statement in properties(template, "BackupKey")["KeyPolicy"]["Statement"]
        if "${Account}" in str(statement["Principal"])
    ]
    assert {action for each in by_others for action in each["Action"] if len(action) > 1} >= {"kms:Decrypt"}
    # A grant is made for AWS's services only.
    [granting] = [each for each in by_others if each["Action"] == "kms:CreateGrant"]
    assert granting["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}


def test_it_is_all_there_only_where_it_is_asked_for(template: Template) -> None:
    for prefix, condition in (("Backup", "HasBackupVault"), ("Analytics", "HasAnalytics")):
        made = {name: each for name, each in template["Resources"].items() if name.startswith(prefix)}
        assert len(made) >= 5
        expected = {"MakesBackupKey", condition} if prefix == "Backup" else {condition}
        assert {each["Condition"] for each in made.values()} == expected


def test_what_is_exported_is_closed_encrypted_and_stays(template: Template) -> None:
    bucket = template["Resources"]["AnalyticsBucket"]
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["DeletionPolicy"] == "Retain"
    [statement] = properties(template, "AnalyticsBucketPolicy")["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    group = properties(template, "AnalyticsWorkGroup")["WorkGroupConfiguration"]
    assert group["EnforceWorkGroupConfiguration"] is True
