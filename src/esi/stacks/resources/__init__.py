"""The HOT resource types that come with this project; each passes tests/conformance/test_stacks.py."""
