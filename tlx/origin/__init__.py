"""What a run starts from: the network as it was before, and the data which that network knew."""
