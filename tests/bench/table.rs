//! The rows of the table: what was measured, and the budget beside it.

/// Rows of one part, and the counts that missed their budget.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<String>,
    missed: Vec<String>,
}

impl Table {
    /// A row without a budget.
    pub fn row(&mut self, what: &str, measured: impl AsRef<str>) {
        self.rows.push(format!("| {what} | {} | |", measured.as_ref()));
    }

    /// A row with a budget, which decides nothing here: times differ from machine to machine.
    pub fn beside(&mut self, what: &str, measured: impl AsRef<str>, budget: &str) {
        self.rows.push(format!("| {what} | {} | {budget} |", measured.as_ref()));
    }

    /// A row with a count that must keep its budget.
    pub fn count(&mut self, what: &str, measured: impl AsRef<str>, budget: &str, kept: bool) {
        self.beside(what, &measured, budget);
        if !kept {
            self.missed.push(format!("{what}: {}, the budget is {budget}", measured.as_ref()));
        }
    }

    /// What must not be, said beside the table.
    pub fn miss(&mut self, what: String) {
        self.missed.push(what);
    }

    /// Prints the rows, says what was missed, and whether nothing was.
    pub fn print(&self) -> bool {
        for row in &self.rows {
            #[expect(clippy::print_stdout, reason = "this is the program's output")]
            {
                println!("{row}");
            }
        }
        for missed in &self.missed {
            eprintln!("missed: {missed}");
        }
        self.missed.is_empty()
    }
}

/// The middle one; the upper of two.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
