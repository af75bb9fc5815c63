"""The third-party plugin is tested where it is installed (tests/test_third_party.py)."""

collect_ignore = ["third-party-plugin"]
