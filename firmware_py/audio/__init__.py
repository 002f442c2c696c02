"""Sound in and out: microphones, speakers, recordings, and the threads that serve them."""
