"""The contract of gRPC: ``kantor/v1/kantor.proto``, and what ``python -m service.grpc.generate`` makes of it."""
