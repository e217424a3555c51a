"""gRPC beneath the client: ``kantor.Client(transport="grpc")``. Needs the extra: ``pip install kantor[grpc]``."""
