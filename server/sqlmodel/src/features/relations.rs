//! Ids of the relations between two items. The network learns a bias per id; the order here is part of the
//! weights, so ids are appended, never moved.

/// An item and itself.
pub(super) const SELF: u8 = 0;

/// Farthest distance between words that is told apart.
const REACH: isize = 5;
const WORD_WORD: u8 = 1;

/// Between two words, by their distance in words, clipped at ±5.
pub(super) fn word_word(from: usize, to: usize) -> u8 {
    let distance = (to as isize - from as isize).clamp(-REACH, REACH);
    match distance {
        0 => SELF,
        d if d < 0 => WORD_WORD + (d + REACH) as u8,
        d => WORD_WORD + (d + REACH - 1) as u8,
    }
}

/// Adds to an id of a word–item, candidate–item or column–table relation to get the reverse.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    first: u8,
    count: u8,
}

impl Pair {
    pub(super) const fn forth(self, variant: u8) -> u8 {
        self.first + variant
    }

    pub(super) const fn back(self, variant: u8) -> u8 {
        self.first + self.count + variant
    }

    const fn end(self) -> u8 {
        self.first + 2 * self.count
    }
}

/// Word to table or column; a higher variant is a stronger tie.
pub(super) const WORD_TABLE: Pair = Pair {
    first: WORD_WORD + 10,
    count: 8,
};
pub(super) const WORD_COLUMN: Pair = Pair {
    first: WORD_TABLE.end(),
    count: 9,
};

pub(super) mod table_tie {
    pub(in super::super) const NONE: u8 = 0;
    /// A column of the table has the word in its name.
    pub(in super::super) const COLUMN: u8 = 1;
    pub(in super::super) const COMMENT: u8 = 2;
    pub(in super::super) const TRIGRAM: u8 = 3;
    /// The word is in a candidate that a column of the table knows as a value.
    pub(in super::super) const VALUE: u8 = 4;
    pub(in super::super) const STEM: u8 = 5;
    pub(in super::super) const WORD: u8 = 6;
    /// The word is part of a run that is the whole name.
    pub(in super::super) const PHRASE: u8 = 7;
}

pub(super) mod column_tie {
    pub(in super::super) const NONE: u8 = 0;
    /// The word is in the name of the column's table.
    pub(in super::super) const TABLE: u8 = 1;
    pub(in super::super) const COMMENT: u8 = 2;
    /// The word occurs inside a known value.
    pub(in super::super) const VALUE_PART: u8 = 3;
    pub(in super::super) const TRIGRAM: u8 = 4;
    /// The word is in a candidate that the column knows as a value.
    pub(in super::super) const VALUE: u8 = 5;
    pub(in super::super) const STEM: u8 = 6;
    pub(in super::super) const WORD: u8 = 7;
    /// The word is part of a run that is the whole name.
    pub(in super::super) const PHRASE: u8 = 8;
}

pub(super) const CANDIDATE_COLUMN: Pair = Pair {
    first: WORD_COLUMN.end(),
    count: 5,
};

pub(super) mod fit {
    /// The literal's type cannot stand against the column's.
    pub(in super::super) const WRONG: u8 = 0;
    /// All values of the column are known, and this is none of them.
    pub(in super::super) const ABSENT: u8 = 1;
    pub(in super::super) const POSSIBLE: u8 = 2;
    /// Part of a value, another inflection of one, or a typo away.
    pub(in super::super) const PARTIAL: u8 = 3;
    pub(in super::super) const EXACT: u8 = 4;
}

pub(super) const CANDIDATE_TABLE: Pair = Pair {
    first: CANDIDATE_COLUMN.end(),
    count: 2,
};
pub(super) const CANDIDATE_WORD: Pair = Pair {
    first: CANDIDATE_TABLE.end(),
    count: 5,
};

pub(super) mod stands {
    pub(in super::super) const FAR: u8 = 0;
    /// Within three words.
    pub(in super::super) const NEAR: u8 = 1;
    /// The word stands right before the candidate.
    pub(in super::super) const BEFORE: u8 = 2;
    /// The word stands right after the candidate.
    pub(in super::super) const AFTER: u8 = 3;
    /// The candidate covers the word.
    pub(in super::super) const COVERED: u8 = 4;
}

const CANDIDATE_CANDIDATE: u8 = CANDIDATE_WORD.end();
pub(super) const CANDIDATES_OVERLAP: u8 = CANDIDATE_CANDIDATE;
pub(super) const CANDIDATE_EARLIER: u8 = CANDIDATE_CANDIDATE + 1;
pub(super) const CANDIDATE_LATER: u8 = CANDIDATE_CANDIDATE + 2;

pub(super) const COLUMN_TABLE: Pair = Pair {
    first: CANDIDATE_CANDIDATE + 3,
    count: 5,
};

pub(super) mod place {
    pub(in super::super) const ELSEWHERE: u8 = 0;
    pub(in super::super) const MEMBER: u8 = 1;
    /// The column refers to the table's key.
    pub(in super::super) const REFERS: u8 = 2;
    pub(in super::super) const PRIMARY: u8 = 3;
    pub(in super::super) const LABEL: u8 = 4;
}

const TABLE_TABLE: u8 = COLUMN_TABLE.end();
pub(super) const TABLES_FAR: u8 = TABLE_TABLE;
pub(super) const TABLES_TWO_STEPS: u8 = TABLE_TABLE + 1;
pub(super) const TABLE_REFERS: u8 = TABLE_TABLE + 2;
pub(super) const TABLE_REFERRED: u8 = TABLE_TABLE + 3;

const COLUMN_COLUMN: u8 = TABLE_TABLE + 4;
pub(super) const COLUMNS_FAR: u8 = COLUMN_COLUMN;
/// In tables joined by one key.
pub(super) const COLUMNS_ONE_STEP: u8 = COLUMN_COLUMN + 1;
/// In different tables, with the same name.
pub(super) const COLUMNS_NAMESAKES: u8 = COLUMN_COLUMN + 2;
pub(super) const COLUMNS_SAME_TABLE: u8 = COLUMN_COLUMN + 3;
pub(super) const COLUMNS_SAME_TABLE_AND_KIND: u8 = COLUMN_COLUMN + 4;
pub(super) const COLUMN_REFERS: u8 = COLUMN_COLUMN + 5;
pub(super) const COLUMN_REFERRED: u8 = COLUMN_COLUMN + 6;

/// How many ids there are.
pub(super) const COUNT: usize = COLUMN_COLUMN as usize + 7;
