// Joined to kernels of a cache in texels: where the key or value of a key head begins, in groups of eight
// channels. Head by head, so that what a workgroup reads lies together.

override S: u32;             // slots of the cache

fn cached(key_head: u32, slot: u32) -> u32 {
    return (key_head * S + slot) * (D / 8u);
}
