// SPDX-License-Identifier: BSD-2-Clause
// Rows from CSV to Parquet, then one address searched; prints bytes, rows and the median in microseconds.
import { createRequire } from "node:module";
import { statSync } from "node:fs";

const [csv, parquet, source, rounds] = process.argv.slice(2);
const require = createRequire(process.cwd() + "/build/bench/");
const { DuckDBInstance } = require("@duckdb/node-api");
const connection = await (await DuckDBInstance.create(":memory:", { threads: "1" })).connect();
const quote = (text) => "'" + text.replaceAll("'", "''") + "'";

await connection.run(`COPY (SELECT epoch_ns(t::TIMESTAMP_NS) AS t, tenant, src, sport::USMALLINT AS sport, dst,
	dport::USMALLINT AS dport FROM read_csv(${quote(csv)}, header = false, all_varchar = true,
		names = ['t', 'tenant', 'src', 'sport', 'dst', 'dport'])
	ORDER BY epoch_ns(t::TIMESTAMP_NS) // 3600000000000, tenant, src, t)
	TO ${quote(parquet)} (FORMAT parquet, COMPRESSION zstd)`);
const times = [];
let rows = 0;
for (let i = 0; i < Number(rounds); i++) {
	const begin = process.hrtime.bigint();
	const answer = await connection.runAndReadAll(
		`SELECT * FROM read_parquet(${quote(parquet)}) WHERE src = ${quote(source)}`);
	times.push(Number((process.hrtime.bigint() - begin) / 1000n));
	rows = answer.currentRowCount;
}
times.sort((a, b) => a - b);
console.log(statSync(parquet).size, rows, times[Math.floor(times.length / 2)]);
