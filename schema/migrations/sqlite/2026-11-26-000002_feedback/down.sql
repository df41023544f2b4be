DROP TABLE feedback;
DROP INDEX conversations_by_change;
ALTER TABLE conversations DROP COLUMN given_title;
