"""What tests need and users of the ports get too: the hand-turned loop, the simulated ring, the comparer."""
