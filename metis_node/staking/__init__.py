"""Who sequences: what the contracts on L1 said, and what follows from it. Pure, integers only."""
