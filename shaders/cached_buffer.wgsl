// Joined to kernels of a cache in buffers: where a head's key or value begins, in groups of eight
// channels.

fn cached(head: u32, slot: u32) -> u32 {
    return slot * (C / 8u) + head * (D / 8u);
}
