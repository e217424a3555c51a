"""An engine whose library is not what it should be."""

raise ImportError("libnothing.so.1: undefined symbol")
