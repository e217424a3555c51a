"""The API server: REST, gRPC, job and study rules, store, dispatch, events."""

import gc

# Imports make hundreds of thousands of objects that live on: by default the search for cycles among them takes
# a fifth of the start.
gc.set_threshold(50_000, 20, 20)
