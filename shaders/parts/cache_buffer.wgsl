// Joined to kernels with a cache in buffers: where the key or value of a key head begins, in groups
// of eight channels.
//
// Provides: cached(key_head, slot)
// Needs: D, G

fn cached(key_head: u32, slot: u32) -> u32 {
    return slot * (G * D / 8u) + key_head * (D / 8u);
}
