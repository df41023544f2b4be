DROP TABLE table_vectors;
DROP TABLE catalogues;
