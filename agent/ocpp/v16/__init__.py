"""OCPP 1.6 (edition 2, J specification, errata 2025-04, security whitepaper edition 3)."""
