//! Symmetric positive definite systems. Matrices are packed lower triangles: row `i` starts at `i (i + 1) / 2`.

/// Place of row `i`.
#[must_use]
pub fn row(i: usize) -> usize {
    i * (i + 1) / 2
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Four sums, so that the compiler may use vectors without changing the order between machines.
    let mut sums = [0.0; 4];
    let (mut fours_a, mut fours_b) = (a.chunks_exact(4), b.chunks_exact(4));
    for (x, y) in (&mut fours_a).zip(&mut fours_b) {
        for k in 0..4 {
            sums[k] += x[k] * y[k];
        }
    }
    let rest: f64 = fours_a
        .remainder()
        .iter()
        .zip(fours_b.remainder())
        .map(|(x, y)| x * y)
        .sum();
    sums[0] + sums[1] + sums[2] + sums[3] + rest
}

/// Inner product of two slices of one length.
#[must_use]
pub fn product(a: &[f64], b: &[f64]) -> f64 {
    dot(a, b)
}

/// Cholesky factor in place. False when the matrix is not positive definite; it is then of no use.
#[must_use]
pub fn factor(a: &mut [f64], n: usize) -> bool {
    for i in 0..n {
        let (above, own) = a.split_at_mut(row(i));
        for j in 0..i {
            let earlier = &above[row(j)..row(j) + j + 1];
            own[j] = (own[j] - dot(&own[..j], &earlier[..j])) / earlier[j];
        }
        let left = own[i] - dot(&own[..i], &own[..i]);
        if !(left.is_finite() && left > 1e-12) {
            return false;
        }
        own[i] = left.sqrt();
    }
    true
}

/// Solves `L Lt x = b` in place, with `l` from [`factor`].
pub fn solve(l: &[f64], n: usize, b: &mut [f64]) {
    for i in 0..n {
        let of = &l[row(i)..row(i) + i + 1];
        b[i] = (b[i] - dot(&of[..i], &b[..i])) / of[i];
    }
    for i in (0..n).rev() {
        let of = &l[row(i)..row(i) + i + 1];
        b[i] /= of[i];
        let x = b[i];
        for (left, c) in b[..i].iter_mut().zip(of) {
            *left -= c * x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_system_is_solved() {
        let mut a = [4.0, 1.0, 3.0, 0.5, 0.25, 2.0];
        assert!(factor(&mut a, 3));
        let mut x = [4.0 + 2.0 + 1.5, 1.0 + 6.0 + 0.75, 0.5 + 0.5 + 6.0];
        solve(&a, 3, &mut x);
        for (got, want) in x.iter().zip([1.0, 2.0, 3.0]) {
            assert!((got - want).abs() < 1e-12);
        }
    }

    #[test]
    fn a_singular_matrix_is_refused() {
        assert!(!factor(&mut [1.0, 1.0, 1.0], 2));
    }
}
