"""Turns template.yaml into what the emulator's CloudFormation can create.

The SAM transform is the real one. Only the emulator's gaps are bridged here, each of them named beside its rule; on AWS none of this runs.
"""

import copy
import hashlib
import json
import re

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


def inlined(path):
    """The template at `path` with the stacks within it put into it, since the emulator can create such stacks and not update them: their resources
    and conditions, with what they are given in place of their parameters, and what their outputs stand for where those are used."""
    template = yaml_parse(path.read_text())
    outputs = {}
    for name in [name for name, resource in template["Resources"].items() if resource["Type"] == "AWS::CloudFormation::Stack"]:
        properties = template["Resources"].pop(name)["Properties"]
        nested = yaml_parse((path.parent / properties["TemplateURL"]).read_text())
        for section in ("Conditions", "Resources"):
            for key, value in replaced(nested[section], properties["Parameters"]).items():
                if template[section].setdefault(key, value) != value:
                    raise ValueError(f"{key} of {properties['TemplateURL']} is something else in {path.name}")
        outputs.update({f"{name}.Outputs.{key}": output["Value"] for key, output in nested["Outputs"].items()})
    return replaced(template, outputs)


def replaced(node, meanings):
    """`node` with the meaning of each reference, by the reference's name, in its place."""
    if isinstance(node, list):
        return [replaced(one, meanings) for one in node]
    if not isinstance(node, dict):
        return node
    if referred(node) in meanings:
        return meanings[referred(node)]
    if isinstance(node.get("Fn::Sub"), str):
        known = lambda found: "${%s}" % referred(meanings[found[1]]) if found[1] in meanings else found[0]
        return {"Fn::Sub": re.sub(r"\$\{([\w.]+)\}", known, node["Fn::Sub"])}
    return {key: replaced(value, meanings) for key, value in node.items()}


def referred(node):
    """What `node` refers to, as `${...}` names it; None where it is no reference."""
    return node.get("Ref") or ".".join(node.get("Fn::GetAtt", [])) or None


def compiled(source, code_uris):
    """The template `source` after the SAM transform, with `code_uris` (by logical id) in place of its CodeUris."""
    template = copy.deepcopy(source)
    declared = [template["Resources"][name]["Properties"] for name, _ in functions(template)]
    # The emulator has no CodeDeploy: its functions are called without an alias, and a new one serves at once.
    for properties in (template["Globals"]["Function"], *declared):
        for gradual in ("AutoPublishAlias", "AutoPublishAliasAllProperties", "VersionDeletionPolicy", "DeploymentPreference"):
            properties.pop(gradual, None)
    for name, _ in functions(source):
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
        # The emulator enforces no invoke permission, and every resource takes its time.
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
