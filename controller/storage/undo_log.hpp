// SPDX-License-Identifier: Apache-2.0
// Changes to containers that can be taken back in reverse order: transactions and savepoints in memory.
#pragma once

#include <cassert>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace bailiff {

/// Containers are node-based maps and sets, or vectors that only grow; they outlive the log and are changed through it.
class UndoLog {
  public:
    size_t depth() const { return depth_; }
    /// Opens a level; the mark is what roll_back() returns to.
    size_t begin() {
        ++depth_;
        return undo_.size();
    }
    void commit() {
        assert(depth_ > 0);
        if (--depth_ == 0) undo_.clear();
    }
    void roll_back(size_t mark) {
        assert(depth_ > 0);
        for (; undo_.size() > mark; undo_.pop_back()) undo_.back()();
        --depth_;
    }

    template <class Map>
    void assign(Map& map, const typename Map::key_type& key, typename Map::mapped_type value) {
        const auto found = map.find(key);
        if (found == map.end()) {
            map.emplace(key, std::move(value));
            remember([&map, key] { map.erase(key); });
        } else {
            std::swap(found->second, value);
            remember([&map, key, old = std::move(value)]() mutable { map.at(key) = std::move(old); });
        }
    }
    template <class Map>
    void forget(Map& map, const typename Map::key_type& key) {
        const auto found = map.find(key);
        if (found == map.end()) return;
        remember([&map, key, old = std::move(found->second)]() mutable { map.emplace(key, std::move(old)); });
        map.erase(found);
    }
    template <class Set>
    void insert(Set& set, const typename Set::key_type& key) {
        if (set.insert(key).second) remember([&set, key] { set.erase(key); });
    }
    template <class Set>
    void remove(Set& set, const typename Set::key_type& key) {
        if (set.erase(key)) remember([&set, key] { set.insert(key); });
    }
    template <class T>
    void replace(std::vector<T>& list, size_t place, T value) {
        std::swap(list.at(place), value);
        remember([&list, place, old = std::move(value)]() mutable { list.at(place) = std::move(old); });
    }
    template <class T>
    void append(std::vector<T>& list, T value) {
        list.push_back(std::move(value));
        remember([&list] { list.pop_back(); });
    }

  private:
    template <class Undo>
    void remember(Undo undo) {
        if (depth_ > 0) undo_.emplace_back(std::move(undo));
    }
    std::vector<std::function<void()>> undo_;
    size_t depth_ = 0;
};

}  // namespace bailiff
