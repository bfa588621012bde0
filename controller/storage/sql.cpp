// SPDX-License-Identifier: Apache-2.0
// What both databases share: the cache of prepared statements, and transactions that nest as savepoints.
#include "controller/storage/sql.hpp"

namespace bailiff {

SqlRows::~SqlRows() {
    statement_->reset();
    connection_.idle_.insert(std::move(cached_));
}

SqlStatementCache::node_type SqlConnection::taken(std::string_view sql) {
    if (lost_)
        throw StorageOutage("the database " + where() + " gave the running transaction up; end it and try again");
    // A statement in use is not in the cache, so a query within its own rows gets a second one.
    auto found = idle_.find(sql);
    if (found == idle_.end()) found = idle_.emplace(std::string(sql), prepare(std::string(sql))).first;
    return idle_.extract(found);
}

namespace {
std::string savepoint(int depth) { return "nested_" + std::to_string(depth); }
}  // namespace

SqlTransaction::SqlTransaction(SqlConnection& connection) : connection_(connection) {
    if (connection_.depth_ == 0) {
        connection_.lost_ = false;
        connection_.begin();
    } else {
        if (connection_.lost_) throw StorageOutage("the database gave the running transaction up; end it and try again");
        connection_.command("savepoint " + savepoint(connection_.depth_));
    }
    ++connection_.depth_;
}

void SqlTransaction::commit() {
    assert(open_);
    if (connection_.lost_)
        throw StorageOutage("the database " + connection_.where() + " gave the running transaction up; try again");
    if (connection_.depth_ == 1) connection_.command("commit");
    else connection_.command("release savepoint " + savepoint(connection_.depth_ - 1));
    --connection_.depth_;
    open_ = false;
}

SqlTransaction::~SqlTransaction() {
    if (!open_) return;
    --connection_.depth_;
    if (connection_.depth_ == 0) {
        connection_.roll_back();
        connection_.lost_ = false;
        return;
    }
    if (connection_.lost_) return;
    try {
        connection_.command("rollback to savepoint " + savepoint(connection_.depth_));
        connection_.command("release savepoint " + savepoint(connection_.depth_));
    } catch (const std::exception&) {
        // The outer transaction must not go on as if this part were undone.
        connection_.lost_ = true;
    }
}

}  // namespace bailiff
