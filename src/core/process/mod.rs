//! What the operating system says of the process, its container and its machine.
