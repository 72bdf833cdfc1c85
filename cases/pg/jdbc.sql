-- pgjdbc and DBeaver on top of it.
-- rows: 0
SET extra_float_digits = 3;
-- rows: 1
SHOW search_path;
-- rows: 1
SELECT current_schema(),session_user;
-- rows: 1
SELECT db.oid,db.* FROM pg_catalog.pg_database db WHERE datname='tagwerk';
-- rows: 3
SELECT n.oid,n.*,d.description FROM pg_catalog.pg_namespace n
 LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=n.oid AND d.objsubid=0 ORDER BY nspname;
-- rows: 13
SELECT c.oid,c.*,d.description,pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr,
 pg_catalog.pg_get_partkeydef(c.oid) as partition_key
 FROM pg_catalog.pg_class c
 LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_class'::regclass
 WHERE c.relnamespace=2200 AND c.relkind not in ('i','I','c');
-- rows: 15
SELECT c.relname,a.*,pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value,dsc.description,dep.objid
 FROM pg_catalog.pg_attribute a
 INNER JOIN pg_catalog.pg_class c ON (a.attrelid=c.oid)
 LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON (a.attrelid=ad.adrelid AND a.attnum = ad.adnum)
 LEFT OUTER JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid)
 LEFT OUTER JOIN pg_depend dep on dep.refobjid = a.attrelid AND dep.deptype = 'i' and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid
 WHERE NOT a.attisdropped AND c.relname = 'samples' ORDER BY a.attnum;
-- rows: 13
SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME,
 CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema' WHEN true THEN 'SYSTEM TABLE'
 WHEN false THEN CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' ELSE NULL END
 ELSE NULL END AS TABLE_TYPE, d.description AS REMARKS
 FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c
 LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass)
 WHERE c.relnamespace = n.oid AND n.nspname = 'public' AND c.relname LIKE '%'
 ORDER BY TABLE_TYPE, TABLE_SCHEM, TABLE_NAME;
-- rows: 1
SELECT typinput='pg_catalog.array_in'::regproc as is_array, typtype, typname, pg_type.oid
 FROM pg_catalog.pg_type WHERE typname = '_int8';
-- rows: 0
SELECT c.oid, conname FROM pg_catalog.pg_constraint c WHERE c.conrelid = 20000;
-- rows: 0
SELECT i.*,i.indkey as keys,c.relname FROM pg_catalog.pg_index i
 INNER JOIN pg_catalog.pg_class c ON c.oid=i.indexrelid WHERE i.indrelid=20000;
