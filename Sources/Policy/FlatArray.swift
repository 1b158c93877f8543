/// An array of large values that are read and changed where they lie.
///
/// Swift's own array hands a copy of an element to every method that is not inlined, and the state of a vCPU is a
/// kilobyte. A value like any other: copies share memory until one of them is changed.
@frozen
public struct FlatArray<Element> {
    @usableFromInline
    final class Storage {
        @usableFromInline let base: UnsafeMutablePointer<Element>
        @usableFromInline let capacity: Int
        /// Elements to be given back in the end. Nobody asks on the way: a class's variable is watched at run time.
        @usableFromInline var initialized: Int

        @inlinable
        init(capacity: Int, copying other: UnsafeMutablePointer<Element>?, count: Int) {
            self.capacity = capacity
            base = .allocate(capacity: capacity)
            if let other { base.initialize(from: other, count: count) }
            initialized = count
        }

        deinit {
            base.deinitialize(count: initialized)
            base.deallocate()
        }
    }

    @usableFromInline var storage: Storage
    @usableFromInline var size: Int

    @inlinable
    public init() {
        storage = Storage(capacity: 4, copying: nil, count: 0)
        size = 0
    }

    @inlinable
    public init(_ elements: some Sequence<Element>) {
        self.init()
        for element in elements { append(element) }
    }

    @inlinable
    public mutating func append(_ element: Element) {
        if size == storage.capacity {
            storage = Storage(capacity: 2 * size, copying: storage.base, count: size)
        } else if !isKnownUniquelyReferenced(&storage) {
            separate()
        }
        (storage.base + size).initialize(to: element)
        size += 1
        storage.initialized = size
    }

    /// Where the elements lie, for whoever alone reads and changes them there until the array is used again.
    @inlinable
    @inline(__always)
    public mutating func ownMemory() -> UnsafeMutablePointer<Element> {
        if !isKnownUniquelyReferenced(&storage) { separate() }
        return storage.base
    }

    /// Memory of its own for one that is about to change.
    @usableFromInline
    mutating func separate() { storage = Storage(capacity: storage.capacity, copying: storage.base, count: size) }
}

extension FlatArray: RandomAccessCollection, MutableCollection {
    @inlinable public var startIndex: Int { 0 }
    @inlinable public var endIndex: Int { size }

    @inlinable
    public subscript(index: Int) -> Element {
        @inline(__always)
        unsafeAddress {
            precondition(index >= 0 && index < size)
            return UnsafePointer(storage.base + index)
        }
        @inline(__always)
        unsafeMutableAddress {
            precondition(index >= 0 && index < size)
            if !isKnownUniquelyReferenced(&storage) { separate() }
            return storage.base + index
        }
    }
}

/// Memory is only written by its one owner.
extension FlatArray: @unchecked Sendable where Element: Sendable {}
