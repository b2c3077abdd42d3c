"""Counts the resources of template.yaml after the SAM transform, and those of the stacks within it: what CloudFormation lets be, and what will be
left when every planned function is there. Ends with 1 and a message where that is too much."""

import logging
import pathlib
import sys
from collections import Counter

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

import emulated

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LARGEST = 500
# Some room is left for what nobody has thought of.
LARGEST_ROOT = 470

# What is planned: functions, those of them with an alias, those with a schedule, routes of the WebSocket API.
FUNCTIONS, ALIASES, SCHEDULES, SOCKET_ROUTES = 115, 26, 10, 3


def planned(now):
    """A function is three resources: itself, its role, and the permission of its route or what reads its queue. An alias adds three (version, alias,
    deployment group), a schedule two (its own role, and that Lambda repeats nothing), a route of the WebSocket API two (route, integration), and
    that API itself two (API, stage)."""
    more = {"functions": FUNCTIONS - now["AWS::Lambda::Function"], "aliases": ALIASES - now["AWS::Lambda::Alias"]}
    more |= {"schedules": SCHEDULES - now["AWS::Scheduler::Schedule"]}
    surplus = [name for name, count in more.items() if count < 0]
    if surplus:
        sys.exit(f"limits: there are more {' and '.join(surplus)} than planned: plan anew in infra/local/limits.py")
    return now.total() + 3 * more["functions"] + 3 * more["aliases"] + 2 * more["schedules"] + 2 * SOCKET_ROUTES + 2


def main():
    # Of each alias the transform says that a switch of its own service is not there.
    logging.disable(logging.WARNING)
    template = yaml_parse((ROOT / "template.yaml").read_text())
    nested = [resource["Properties"]["TemplateURL"] for resource in template["Resources"].values() if resource["Type"] == "AWS::CloudFormation::Stack"]
    for name, _ in emulated.functions(template):
        template["Resources"][name]["Properties"]["CodeUri"] = "s3://bucket/key"
    root = Counter(resource["Type"] for resource in transform(template, {}, emulated.NoManagedPolicies())["Resources"].values())
    counts = {"template.yaml": (root.total(), LARGEST_ROOT), "template.yaml as planned": (planned(root), LARGEST_ROOT)}
    counts |= {file: (len(yaml_parse((ROOT / file).read_text())["Resources"]), LARGEST) for file in nested}
    for what, (count, most) in counts.items():
        print(f"{what}: {count} resources of at most {most}", file=sys.stderr)
    sys.exit(any(count > most for count, most in counts.values()))


if __name__ == "__main__":
    main()
