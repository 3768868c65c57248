"""Live streams that tests push through a venue: RTMP, SRT, numbered datagrams."""
