"""The records that go round in the ring, and nothing that moves them: pure data, keys, codec and rules."""
