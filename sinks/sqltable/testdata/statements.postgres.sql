CREATE TABLE "my ""things""" (
	"id" BIGINT NOT NULL,
	"sub/id" TEXT NOT NULL,
	"flow_published_at" TIMESTAMPTZ NOT NULL,
	"array" JSON,
	"binary" TEXT,
	"bool" BOOLEAN NOT NULL,
	"int" BIGINT,
	"multiple" JSON,
	"num" DOUBLE PRECISION,
	"object" JSON,
	"sel""ect" TEXT NOT NULL,
	"strint" NUMERIC,
	"strnum" DECIMAL,
	"flow_document" JSON NOT NULL,
	PRIMARY KEY ("id", "sub/id")
);

COMMENT ON COLUMN "my ""things"""."id" IS '/id of acmeCo/things: integer.';

COMMENT ON COLUMN "my ""things"""."sub/id" IS '/sub/id of acmeCo/things: string.';

COMMENT ON COLUMN "my ""things"""."flow_published_at" IS 'Of the newest document of acmeCo/things in this row.';

COMMENT ON COLUMN "my ""things"""."array" IS '/array of acmeCo/things: array.';

COMMENT ON COLUMN "my ""things"""."binary" IS '/binary of acmeCo/things: string.';

COMMENT ON COLUMN "my ""things"""."bool" IS '/bool of acmeCo/things: boolean.';

COMMENT ON COLUMN "my ""things"""."int" IS '/int of acmeCo/things: integer, null.';

COMMENT ON COLUMN "my ""things"""."multiple" IS '/multiple of acmeCo/things: boolean, integer, string.';

COMMENT ON COLUMN "my ""things"""."num" IS 'Number
What it''s about.
In two lines.
/num of acmeCo/things: number.';

COMMENT ON COLUMN "my ""things"""."object" IS '/object of acmeCo/things: object.';

COMMENT ON COLUMN "my ""things"""."sel""ect" IS '/sel"ect of acmeCo/things: string.';

COMMENT ON COLUMN "my ""things"""."strint" IS '/strint of acmeCo/things: integer, string.';

COMMENT ON COLUMN "my ""things"""."strnum" IS '/strnum of acmeCo/things: null, string.';

COMMENT ON COLUMN "my ""things"""."flow_document" IS 'The whole document of acmeCo/things.';

INSERT INTO "my ""things""" ("id", "sub/id", "flow_published_at", "array", "binary", "bool", "int", "multiple", "num", "object", "sel""ect", "strint", "strnum", "flow_document") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT ("id", "sub/id") DO UPDATE SET "flow_published_at" = excluded."flow_published_at", "array" = excluded."array", "binary" = excluded."binary", "bool" = excluded."bool", "int" = excluded."int", "multiple" = excluded."multiple", "num" = excluded."num", "object" = excluded."object", "sel""ect" = excluded."sel""ect", "strint" = excluded."strint", "strnum" = excluded."strnum", "flow_document" = excluded."flow_document";

DELETE FROM "my ""things""" WHERE "id" = $1 AND "sub/id" = $2;

WITH wanted (i, k0, k1) AS (VALUES (0, $1::BIGINT, $2::TEXT)) SELECT wanted.i, t."flow_document"::TEXT FROM wanted CROSS JOIN "my ""things""" AS t WHERE t."id" = wanted.k0 AND t."sub/id" = wanted.k1;

WITH wanted (i, k0, k1) AS (VALUES (0, $1::BIGINT, $2::TEXT), (1, $3::BIGINT, $4::TEXT)) SELECT wanted.i, t."flow_document"::TEXT FROM wanted CROSS JOIN "my ""things""" AS t WHERE t."id" = wanted.k0 AND t."sub/id" = wanted.k1;

CREATE TABLE "my ""things""" (
	"id" BIGINT NOT NULL,
	"sub/id" TEXT NOT NULL,
	"flow_published_at" TIMESTAMPTZ NOT NULL,
	"array" JSON,
	"binary" TEXT,
	"bool" BOOLEAN NOT NULL,
	"int" BIGINT,
	"multiple" JSON,
	"num" DOUBLE PRECISION,
	"object" JSON,
	"sel""ect" TEXT NOT NULL,
	"strint" NUMERIC,
	"strnum" DECIMAL,
	"flow_document" JSON NOT NULL
);

INSERT INTO "my ""things""" ("id", "sub/id", "flow_published_at", "array", "binary", "bool", "int", "multiple", "num", "object", "sel""ect", "strint", "strnum", "flow_document") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);

CREATE TABLE "grouped" (
	"multiple" TEXT,
	"int" BIGINT,
	"id" BIGINT NOT NULL,
	"sub/id" TEXT NOT NULL,
	"flow_document" JSON NOT NULL,
	UNIQUE NULLS NOT DISTINCT ("multiple", "int")
);

INSERT INTO "grouped" ("multiple", "int", "id", "sub/id", "flow_document") VALUES ($1, $2, $3, $4, $5) ON CONFLICT ("multiple", "int") DO UPDATE SET "id" = excluded."id", "sub/id" = excluded."sub/id", "flow_document" = excluded."flow_document";

DELETE FROM "grouped" WHERE ("multiple" = $1 OR "multiple" IS NULL AND $1 IS NULL) AND ("int" = $2 OR "int" IS NULL AND $2 IS NULL);

WITH wanted (i, k0, k1) AS (VALUES (0, $1::TEXT, $2::BIGINT)) SELECT wanted.i, t."flow_document"::TEXT FROM wanted CROSS JOIN "grouped" AS t WHERE (t."multiple" = wanted.k0 OR t."multiple" IS NULL AND wanted.k0 IS NULL) AND (t."int" = wanted.k1 OR t."int" IS NULL AND wanted.k1 IS NULL);
