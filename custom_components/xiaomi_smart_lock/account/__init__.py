"""Account access: entry data, cloud clients, endpoints and the Mi Home app session."""
