"""What runs on the deployer's machine: configuration, scan, transfer, transports."""
