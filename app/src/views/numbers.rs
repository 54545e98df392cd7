//! Numbers as people read them.

/// A probability with as many digits as it needs.
pub fn digits(p: f32) -> String {
    match p {
        p if p >= 0.1 => format!("{p:.2}"),
        p if p >= 0.0001 => format!("{p:.4}"),
        p => format!("{p:.1e}"),
    }
}

/// A number with its thousands apart.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let parts: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|part| std::str::from_utf8(part).ok())
        .collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([grouped(7), grouped(1234), grouped(1_234_567)], ["7", "1,234", "1,234,567"]);
        assert_eq!([digits(0.25), digits(0.0123), digits(2e-5)], ["0.25", "0.0123", "2.0e-5"]);
    }
}
