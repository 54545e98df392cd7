// Joined to kernels with a cache in texels: where the key or value of a key head begins, in groups
// of eight channels. Heads follow one another, so that a workgroup reads neighbouring texels.
//
// Provides: cached(key_head, slot)
// Needs: D

override S: u32;             // slots of the cache

fn cached(key_head: u32, slot: u32) -> u32 {
    return (key_head * S + slot) * (D / 8u);
}
