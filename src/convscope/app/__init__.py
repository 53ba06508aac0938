"""The only part of convscope that knows people: the command line and what it prints and writes."""
