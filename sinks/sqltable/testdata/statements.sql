CREATE TABLE "my ""things""" (
	"id" BIGINT NOT NULL,
	"sub/id" TEXT NOT NULL,
	"flow_published_at" TEXT NOT NULL,
	"array" TEXT,
	"binary" BLOB,
	"bool" BOOLEAN NOT NULL,
	"int" INTEGER,
	"multiple" TEXT,
	"num" REAL,
	"object" TEXT,
	"sel""ect" TEXT NOT NULL,
	"strint" INTEGER,
	"strnum" REAL,
	"flow_document" TEXT NOT NULL,
	PRIMARY KEY ("id", "sub/id")
);

INSERT INTO "my ""things""" ("id", "sub/id", "flow_published_at", "array", "binary", "bool", "int", "multiple", "num", "object", "sel""ect", "strint", "strnum", "flow_document") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT ("id", "sub/id") DO UPDATE SET "flow_published_at" = excluded."flow_published_at", "array" = excluded."array", "binary" = excluded."binary", "bool" = excluded."bool", "int" = excluded."int", "multiple" = excluded."multiple", "num" = excluded."num", "object" = excluded."object", "sel""ect" = excluded."sel""ect", "strint" = excluded."strint", "strnum" = excluded."strnum", "flow_document" = excluded."flow_document";

DELETE FROM "my ""things""" WHERE "id" IS ? AND "sub/id" IS ?;

WITH wanted (i, k0, k1) AS (VALUES (0, ?, ?)) SELECT wanted.i, CAST(t."flow_document" AS BLOB) FROM wanted CROSS JOIN "my ""things""" AS t WHERE t."id" IS wanted.k0 AND t."sub/id" IS wanted.k1;

WITH wanted (i, k0, k1) AS (VALUES (0, ?, ?), (1, ?, ?)) SELECT wanted.i, CAST(t."flow_document" AS BLOB) FROM wanted CROSS JOIN "my ""things""" AS t WHERE t."id" IS wanted.k0 AND t."sub/id" IS wanted.k1;

CREATE TABLE "my ""things""" (
	"id" BIGINT NOT NULL,
	"sub/id" TEXT NOT NULL,
	"flow_published_at" TEXT NOT NULL,
	"array" TEXT,
	"binary" BLOB,
	"bool" BOOLEAN NOT NULL,
	"int" INTEGER,
	"multiple" TEXT,
	"num" REAL,
	"object" TEXT,
	"sel""ect" TEXT NOT NULL,
	"strint" INTEGER,
	"strnum" REAL,
	"flow_document" TEXT NOT NULL
);

INSERT INTO "my ""things""" ("id", "sub/id", "flow_published_at", "array", "binary", "bool", "int", "multiple", "num", "object", "sel""ect", "strint", "strnum", "flow_document") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

CREATE TABLE "grouped" (
	"multiple" TEXT,
	"int" BIGINT,
	"id" INTEGER NOT NULL,
	"sub/id" TEXT NOT NULL,
	"flow_document" TEXT NOT NULL,
	PRIMARY KEY ("multiple", "int")
);

INSERT INTO "grouped" ("multiple", "int", "id", "sub/id", "flow_document") VALUES (?, ?, ?, ?, ?) ON CONFLICT ("multiple", "int") DO UPDATE SET "id" = excluded."id", "sub/id" = excluded."sub/id", "flow_document" = excluded."flow_document";

DELETE FROM "grouped" WHERE "multiple" IS ? AND "int" IS ?;

WITH wanted (i, k0, k1) AS (VALUES (0, ?, ?)) SELECT wanted.i, CAST(t."flow_document" AS BLOB) FROM wanted CROSS JOIN "grouped" AS t WHERE t."multiple" IS wanted.k0 AND t."int" IS wanted.k1;
