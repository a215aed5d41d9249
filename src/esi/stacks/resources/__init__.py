"""The HOT resource types that come with this project; each passes a suite under tests/conformance."""
