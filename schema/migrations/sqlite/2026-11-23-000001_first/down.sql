DROP TABLE audit_entries;
DROP TABLE api_keys;
DROP TABLE messages;
DROP TABLE conversations;
DROP TABLE datasources;
DROP TABLE store_facts;
