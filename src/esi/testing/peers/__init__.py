"""Programs that start OpenStack's own servers for tests, each in one process. They run in OpenStack's environment."""
