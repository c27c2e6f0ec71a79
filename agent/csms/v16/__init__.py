"""The shell of an OCPP 1.6 station: delivery, stores, the desk between CSMS and core, and who may charge."""
