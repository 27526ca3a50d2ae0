"""What is pulled from other people's services: a catalogue of it, hosts, access, HTTP, and one connector a kind."""
