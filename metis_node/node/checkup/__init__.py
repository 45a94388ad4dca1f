"""What `metis-node doctor` looks at, and what `stake lock` asks before it sends anything.

Every check only looks, ends within seconds, and says what to do where something is wrong.
"""
