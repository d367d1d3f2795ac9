"""Ten days in November at Acme Home Goods, a company that does not exist.

The modules here hold its vocabulary, its prompts and tools, its workloads, the clock they
arrive by, a plausible prompt cache, and the wire forms the calls are written in. Everything
is drawn from a seed: the same seed and count give the same log.
"""
