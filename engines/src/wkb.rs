//! Well-known binary, the standard's form of a geometry.
//!
//! Engines write it in either byte order and PostGIS with flags of its own
//! (EWKB: an SRID within, Z and M as high bits). [`normalize`] makes one form of
//! all: little-endian, the standard's type codes, the SRID apart. Coordinates
//! keep their bits.

/// How deep collections may lie in collections.
const DEPTH_MAX: u32 = 64;

const BIG_ENDIAN: u8 = 0;
const LITTLE_ENDIAN: u8 = 1;

const EWKB_Z: u32 = 0x8000_0000;
const EWKB_M: u32 = 0x4000_0000;
const EWKB_SRID: u32 = 0x2000_0000;
const EWKB_FLAGS: u32 = EWKB_Z | EWKB_M | EWKB_SRID;

const ISO_Z: u32 = 1000;
const ISO_M: u32 = 2000;

/// `bytes` as little-endian WKB of the standard, and the SRID that they hold;
/// `None` for what is not one whole geometry.
#[must_use]
pub fn normalize(bytes: &[u8]) -> Option<(Option<u32>, Vec<u8>)> {
    let mut copy = Copy { rest: bytes, out: Vec::with_capacity(bytes.len()), srid: None };
    copy.geometry(0)?;
    copy.rest.is_empty().then_some((copy.srid, copy.out))
}

struct Copy<'a> {
    rest: &'a [u8],
    out: Vec<u8>,
    srid: Option<u32>,
}

impl Copy<'_> {
    fn geometry(&mut self, depth: u32) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        let order = self.array::<1>()?[0];
        if order != BIG_ENDIAN && order != LITTLE_ENDIAN {
            return None;
        }
        let little = order == LITTLE_ENDIAN;
        let code = self.u32(little)?;
        let (kind, z, m) = dimensions(code)?;
        if code & EWKB_SRID != 0 {
            let srid = self.u32(little)?;
            // A part that names one repeats that of the whole.
            if depth > 0 && self.srid != Some(srid) {
                return None;
            }
            self.srid = Some(srid);
        }
        self.out.push(LITTLE_ENDIAN);
        let iso = kind + u32::from(z) * ISO_Z + u32::from(m) * ISO_M;
        self.out.extend_from_slice(&iso.to_le_bytes());
        let width = 2 + usize::from(z) + usize::from(m);
        match kind {
            // Point.
            1 => self.doubles(width, little),
            // LineString, CircularString.
            2 | 8 => self.points(width, little),
            // Polygon, Triangle: rings.
            3 | 17 => {
                let rings = self.count(little)?;
                (0..rings).try_for_each(|_| self.points(width, little))
            }
            // The collections of whole geometries: Multi…, GeometryCollection,
            // CompoundCurve, CurvePolygon, MultiCurve, MultiSurface,
            // PolyhedralSurface, TIN.
            4..=7 | 9..=12 | 15 | 16 => {
                let parts = self.count(little)?;
                (0..parts).try_for_each(|_| self.geometry(depth + 1))
            }
            _ => None,
        }
    }

    fn points(&mut self, width: usize, little: bool) -> Option<()> {
        let count = usize::try_from(self.count(little)?).ok()?;
        self.doubles(count.checked_mul(width)?, little)
    }

    fn doubles(&mut self, count: usize, little: bool) -> Option<()> {
        let (doubles, rest) = self.rest.split_at_checked(count.checked_mul(8)?)?;
        self.rest = rest;
        if little {
            self.out.extend_from_slice(doubles);
        } else {
            self.out.extend(doubles.as_chunks::<8>().0.iter().flat_map(|d| u64::from_be_bytes(*d).to_le_bytes()));
        }
        Some(())
    }

    fn count(&mut self, little: bool) -> Option<u32> {
        let count = self.u32(little)?;
        self.out.extend_from_slice(&count.to_le_bytes());
        Some(count)
    }

    fn u32(&mut self, little: bool) -> Option<u32> {
        let bytes = self.array()?;
        Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }
}

/// The kind of geometry behind a type code, and whether its points have Z and M.
fn dimensions(code: u32) -> Option<(u32, bool, bool)> {
    let plain = code & !EWKB_FLAGS;
    let (iso, kind) = (plain / ISO_Z, plain % ISO_Z);
    if iso > 3 {
        return None;
    }
    Some((kind, code & EWKB_Z != 0 || iso & 1 == 1, code & EWKB_M != 0 || iso & 2 == 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    /// `POINT(1 2)` as PostGIS documents and writes it.
    #[test]
    fn every_spelling_of_a_point_is_the_same() {
        let plain = bytes("01 01000000 000000000000F03F 0000000000000040");
        assert_eq!(normalize(&plain), Some((None, plain.clone())));
        let big = bytes("00 00000001 3FF0000000000000 4000000000000000");
        assert_eq!(normalize(&big), Some((None, plain.clone())));
        let ewkb = bytes("01 01000020 E6100000 000000000000F03F 0000000000000040");
        assert_eq!(normalize(&ewkb), Some((Some(4326), plain)));
    }

    #[test]
    fn z_and_m_are_the_standards() {
        let ewkb = bytes("01 010000C0 000000000000F03F 0000000000000040 0000000000000840 0000000000001040");
        let iso = bytes("01 B90B0000 000000000000F03F 0000000000000040 0000000000000840 0000000000001040");
        assert_eq!(normalize(&ewkb), Some((None, iso.clone())));
        assert_eq!(normalize(&iso), Some((None, iso)));
    }

    #[test]
    fn parts_are_normalized_too() {
        let mixed = bytes("01 07000000 01000000 00 00000001 3FF0000000000000 4000000000000000");
        let plain = bytes("01 07000000 01000000 01 01000000 000000000000F03F 0000000000000040");
        assert_eq!(normalize(&mixed), Some((None, plain)));
    }

    #[test]
    fn what_is_not_one_whole_geometry_is_refused() {
        let plain = bytes("01 01000000 000000000000F03F 0000000000000040");
        for len in 0..plain.len() {
            assert_eq!(normalize(&plain[..len]), None, "{len}");
        }
        assert_eq!(normalize(&[plain.as_slice(), &[0]].concat()), None);
        assert_eq!(normalize(&bytes("01 02000000 FFFFFFFF")), None);
        assert_eq!(normalize(&bytes("02 01000000 000000000000F03F 0000000000000040")), None);
        let deep = bytes(&"01 07000000 01000000".repeat(1000));
        assert_eq!(normalize(&deep), None);
    }
}
