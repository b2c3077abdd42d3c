"""Turns template.yaml into what the emulator's CloudFormation can create.

The SAM transform is the real one. Only the emulator's gaps are bridged here, each of them named beside its rule; on AWS none of this runs.
"""

import hashlib
import json

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

API_ID = "greenroom"


class NoManagedPolicies:
    """The transform asks for a map of managed policy names; the template names actions instead."""

    def load(self):
        return {}


def functions(template):
    """Logical id and binary of each function, in template order."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            yield name, resource["Properties"]["CodeUri"].rstrip("/").rsplit("/", 1)[-1]


def compiled(path, code_uris):
    """The template at `path` after the SAM transform, with `code_uris` (by logical id) in place of its CodeUris."""
    template = yaml_parse(path.read_text())
    # The emulator has no CodeDeploy: its functions are called without an alias, and a new one serves at once.
    for gradual in ("AutoPublishAlias", "AutoPublishAliasAllProperties", "VersionDeletionPolicy", "DeploymentPreference"):
        template["Globals"]["Function"].pop(gradual, None)
    for name, _ in functions(template):
        template["Resources"][name]["Properties"]["CodeUri"] = code_uris(name)
    template = transform(template, {}, NoManagedPolicies())
    bridge(template["Resources"])
    return template


def bridge(resources):
    for name, resource in list(resources.items()):
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::ApiGatewayV2::Api" and "Body" in properties:
            expand_body(name, properties, resources)
        # To the emulator an index with another setting is another index, and it has no Contributor Insights anyway.
        if resource["Type"] == "AWS::DynamoDB::Table":
            for watched in (properties, *properties["GlobalSecondaryIndexes"]):
                watched.pop("ContributorInsightsSpecification", None)
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in properties:
            keep_one_metric(properties)
        # The emulator enforces no invoke permission, and its routes are resources here: together with one permission
        # per route they would come close to the limit of 500.
        if resource["Type"] == "AWS::Lambda::Permission" and "execute-api" in json.dumps(properties.get("SourceArn", "")):
            del resources[name]
        if resource["Type"] == "AWS::IAM::Role":
            name_secrets(properties.get("Policies", []), resources)
    for resource in resources.values():
        if isinstance(resource.get("DependsOn"), list):
            resource["DependsOn"] = [needed for needed in resource["DependsOn"] if needed in resources]


def name_secrets(policies, resources):
    """A reference to a secret is its ARN on AWS and its name here, which a policy cannot allow anything on."""

    def named(wanted):
        secret = wanted.get("Ref") if isinstance(wanted, dict) else None
        if not secret or resources[secret]["Type"] != "AWS::SecretsManager::Secret":
            return wanted
        arn = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${%s}-??????"
        return {"Fn::Sub": arn % secret}

    for policy in policies:
        for statement in policy["PolicyDocument"]["Statement"]:
            wanted = statement["Resource"]
            statement["Resource"] = [named(one) for one in wanted] if isinstance(wanted, list) else named(wanted)


def expand_body(name, properties, resources):
    """An API's `Body` is ignored by the emulator: its routes, integrations and CORS become resources and properties."""
    body = properties.pop("Body")
    properties.pop("FailOnWarnings", None)
    tags = {tag["name"]: tag.get("x-amazon-apigateway-tag-value", "") for tag in body.get("tags", [])}
    # With this tag the emulator uses the given id, so that the API's URL stays the same between runs.
    properties.update(Name=name, ProtocolType="HTTP", Tags={**tags, "ms-custom-id": API_ID})
    if "x-amazon-apigateway-cors" in body:
        properties["CorsConfiguration"] = body["x-amazon-apigateway-cors"]
    integrations = {}
    for path, operations in body["paths"].items():
        for method, operation in operations.items():
            integration = operation["x-amazon-apigateway-integration"]
            known = json.dumps(integration, sort_keys=True)
            if known not in integrations:
                integrations[known] = f"{name}Integration{len(integrations)}"
                resources[integrations[known]] = {
                    "Type": "AWS::ApiGatewayV2::Integration",
                    "Properties": {
                        "ApiId": {"Ref": name},
                        "IntegrationType": "AWS_PROXY",
                        "IntegrationUri": integration["uri"],
                        "PayloadFormatVersion": integration["payloadFormatVersion"],
                    },
                }
            method = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
            route = "$default" if path.lstrip("/") == "$default" else f"{method} {path}"
            resources[f"{name}Route{hashlib.sha256(route.encode()).hexdigest()[:12]}"] = {
                "Type": "AWS::ApiGatewayV2::Route",
                "Properties": {
                    "ApiId": {"Ref": name},
                    "RouteKey": route,
                    "Target": {"Fn::Join": ["/", ["integrations", {"Ref": integrations[known]}]]},
                },
            }


def keep_one_metric(properties):
    """An alarm over a calculation is refused by the emulator, which has no metrics of its own to calculate with: it watches
    the first metric of the calculation instead."""
    first = next(metric["MetricStat"] for metric in properties.pop("Metrics") if "MetricStat" in metric)
    properties.update(first["Metric"], Statistic=first["Stat"], Period=first["Period"])
