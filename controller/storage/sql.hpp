// SPDX-License-Identifier: Apache-2.0
// A thin RAII layer over two databases: one query text, `$n` parameters, typed columns, transactions that nest.
// All of it is used from one thread at a time: a connection belongs to its storage, and that to the desk's thread.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/names.hpp>
#include <bailiff/time.hpp>
#include "controller/desk/ports.hpp"

#include <cassert>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace bailiff {

enum class SqlDialect { sqlite, postgres };

/// Two transactions of a PostgreSQL server stood in each other's way and ours was chosen to give up. At the outermost
/// transaction() it becomes Errc::conflict; anywhere else it counts as an outage: try again.
struct SqlConflict : StorageOutage {
    using StorageOutage::StorageOutage;
};

/// One prepared query and its current row. Parameters count from 1, columns from 0. A text that was read is valid
/// until the next step or reset. Errors: StorageOutage with the remedy; std::logic_error for a query that is wrong.
class SqlStatement {
  public:
    virtual ~SqlStatement() = default;
    virtual int parameters() const = 0;
    virtual void bind_null(int n) = 0;
    virtual void bind_integer(int n, int64_t value) = 0;
    virtual void bind_text(int n, std::string_view value) = 0;
    virtual bool step() = 0;              ///< the next row; false when there is none
    virtual int64_t changed() const = 0;  ///< rows written by the last execution
    virtual bool is_null(int column) const = 0;
    virtual int64_t integer(int column) const = 0;
    virtual std::string_view text(int column) const = 0;
    virtual void reset() noexcept = 0;
};

namespace detail {
template <class T>
struct SqlValue;  // how a C++ type is kept: specialised below for exactly the types that rows are made of

template <class T>
    requires std::is_integral_v<T>
struct SqlValue<T> {
    static void bind(SqlStatement& s, int n, T v) { s.bind_integer(n, int64_t(v)); }
    static T read(const SqlStatement& s, int column) {
        if constexpr (std::is_same_v<T, bool>) return s.integer(column) != 0;
        else return T(s.integer(column));
    }
};
template <>
struct SqlValue<std::string> {
    static void bind(SqlStatement& s, int n, const std::string& v) { s.bind_text(n, v); }
    static std::string read(const SqlStatement& s, int column) { return std::string(s.text(column)); }
};
template <>
struct SqlValue<std::string_view> {
    static void bind(SqlStatement& s, int n, std::string_view v) { s.bind_text(n, v); }
};
template <>
struct SqlValue<Instant> {
    static void bind(SqlStatement& s, int n, Instant v) { s.bind_integer(n, v.time_since_epoch().count()); }
    static Instant read(const SqlStatement& s, int column) { return Instant(Seconds(s.integer(column))); }
};
template <class Tag>
struct SqlValue<Id<Tag>> {
    static void bind(SqlStatement& s, int n, const Id<Tag>& v) { s.bind_text(n, v.text()); }
    static Id<Tag> read(const SqlStatement& s, int column) { return Id<Tag>(std::string(s.text(column))); }
};
template <Named E>
struct SqlValue<E> {
    static void bind(SqlStatement& s, int n, E v) { s.bind_text(n, name(v)); }
    static E read(const SqlStatement& s, int column) {
        const auto found = find_name<E>(s.text(column));
        if (!found)
            throw StorageOutage("the database holds '" + std::string(s.text(column)) + "', which is no " + std::string(Names<E>::what) +
                                "; it was changed by hand or by a newer version: restore a backup or update this program");
        return *found;
    }
};
template <class T>
struct SqlValue<std::optional<T>> {
    static void bind(SqlStatement& s, int n, const std::optional<T>& v) {
        if (v) SqlValue<T>::bind(s, n, *v);
        else s.bind_null(n);
    }
    static std::optional<T> read(const SqlStatement& s, int column) {
        if (s.is_null(column)) return std::nullopt;
        return SqlValue<T>::read(s, column);
    }
};
}  // namespace detail

class SqlConnection;
/// Prepared statements by their text; a statement in use is taken out with its node, so that nothing is copied.
using SqlStatementCache = std::map<std::string, std::unique_ptr<SqlStatement>, std::less<>>;

/// The rows of one query, read forward. Gives its statement back to the connection's cache when it ends.
class SqlRows {
  public:
    SqlRows(SqlConnection& connection, SqlStatementCache::node_type statement)
        : connection_(connection), cached_(std::move(statement)), statement_(cached_.mapped().get()) {}
    SqlRows(const SqlRows&) = delete;
    SqlRows& operator=(const SqlRows&) = delete;
    ~SqlRows();

    bool next() {
        column_ = 0;
        return statement_->step();
    }
    template <class T>
    T column(int index) const {
        return detail::SqlValue<T>::read(*statement_, index);
    }
    /// The next column from the left: braces evaluate in order, so that a struct is read as its fields stand.
    template <class T>
    T take() {
        return column<T>(column_++);
    }
    int64_t changed() const { return statement_->changed(); }

  private:
    SqlConnection& connection_;
    SqlStatementCache::node_type cached_;
    SqlStatement* statement_;
    int column_ = 0;
};

/// One connection to a database with its prepared statements.
class SqlConnection {
  public:
    virtual ~SqlConnection() = default;
    virtual SqlDialect dialect() const = 0;
    /// Where the database is, without secrets: for messages.
    virtual std::string where() const = 0;
    /// Several statements without parameters, for migrations.
    virtual void script(const std::string& sql) = 0;
    /// Copies the database beside itself before it is migrated (SQLite files only); the path of the copy, or "".
    virtual std::string set_aside(const std::string& suffix) = 0;

    template <class... Args>
    SqlRows query(std::string_view sql, const Args&... args) {
        auto cached = taken(sql);
        SqlStatement& statement = *cached.mapped();
        assert(statement.parameters() == int(sizeof...(args)) && "one value per parameter");
        [[maybe_unused]] int n = 0;
        (detail::SqlValue<std::decay_t<Args>>::bind(statement, ++n, args), ...);
        return SqlRows(*this, std::move(cached));
    }
    /// Runs a query for its effect; returns how many rows it wrote.
    template <class... Args>
    int64_t run(std::string_view sql, const Args&... args) {
        auto rows = query(sql, args...);
        while (rows.next()) {}
        return rows.changed();
    }
    int depth() const { return depth_; }

  protected:
    virtual std::unique_ptr<SqlStatement> prepare(const std::string& sql) = 0;
    virtual void begin() = 0;
    virtual void command(const std::string& sql) = 0;  ///< commit, savepoint …: one statement without rows
    virtual void roll_back() noexcept = 0;             ///< the outermost transaction, as far as there still is one
    /// The database has dropped our transaction: until it ends here too, nothing may run, or it would be committed alone.
    void lost() { lost_ = depth_ > 0; }

  private:
    friend class SqlRows;
    friend class SqlTransaction;
    SqlStatementCache::node_type taken(std::string_view sql);

    SqlStatementCache idle_;
    int depth_ = 0;
    bool lost_ = false;
};

/// A transaction, or a savepoint inside one. Rolls back unless committed.
class SqlTransaction {
  public:
    explicit SqlTransaction(SqlConnection& connection);
    SqlTransaction(const SqlTransaction&) = delete;
    SqlTransaction& operator=(const SqlTransaction&) = delete;
    ~SqlTransaction();
    void commit();

  private:
    SqlConnection& connection_;
    bool open_ = true;
};

/// What must be written whole or not at all: a transaction when none runs, else a part of that one, which its owner undoes when
/// an exception passes. A savepoint of its own would cost more than what is written.
class SqlWhole {
  public:
    explicit SqlWhole(SqlConnection& connection) {
        if (connection.depth() == 0) own_.emplace(connection);
    }
    void commit() {
        if (own_) own_->commit();
    }

  private:
    std::optional<SqlTransaction> own_;
};

}  // namespace bailiff
