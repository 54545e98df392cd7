// Joined to kernels of a cache in texels: where a head's key or value begins, in groups of eight
// channels. Head by head, so that what a workgroup reads lies together.

override S: u32;             // slots of the cache

fn cached(head: u32, slot: u32) -> u32 {
    return (head * S + slot) * (D / 8u);
}
