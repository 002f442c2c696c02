"""The appliance as a service: started, watched, asked, reloaded and stopped, with all its faces."""
