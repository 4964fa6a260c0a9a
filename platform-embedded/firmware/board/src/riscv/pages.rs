//! Memory that is shared with devices.

use core::cell::{Cell, UnsafeCell};
use core::ptr::NonNull;

use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

/// How many pages there are: two queues take two each.
const PAGES: usize = 4;

/// Pages in a row, aligned as the devices want them.
#[repr(C, align(4096))]
struct Pages {
    bytes: UnsafeCell<[[u8; PAGE_SIZE]; PAGES]>,
    used: Cell<usize>,
}

// SAFETY: `used` is touched only in a critical section, and no page is given twice.
unsafe impl Sync for Pages {}

static POOL: Pages = Pages {
    bytes: UnsafeCell::new([[0; PAGE_SIZE]; PAGES]),
    used: Cell::new(0),
};

/// How the machine shares memory: addresses are the same for all, and nothing is cached.
pub(super) struct Shared;

// SAFETY: pages come from the pool, aligned, zeroed and each only once; there is no translation of
// addresses and no cache, so sharing needs nothing to be done.
unsafe impl Hal for Shared {
    fn dma_alloc(pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let first = critical_section::with(|_| {
            let first = POOL.used.get();
            let fits = pages <= PAGES - first;
            fits.then(|| POOL.used.replace(first + pages))
        });
        let base = POOL.bytes.get().cast::<u8>();
        match first.and_then(|first| NonNull::new(base.wrapping_add(first * PAGE_SIZE))) {
            Some(page) => (page.addr().get() as PhysAddr, page),
            // The driver takes an address of 0 as "no memory".
            None => (0, NonNull::dangling()),
        }
    }

    unsafe fn dma_dealloc(_paddr: PhysAddr, _vaddr: NonNull<u8>, _pages: usize) -> i32 {
        // The queues live as long as the firmware; what a failed start leaves is not used again.
        0
    }

    unsafe fn mmio_phys_to_virt(paddr: PhysAddr, _size: usize) -> NonNull<u8> {
        let address = usize::try_from(paddr)
            .ok()
            .and_then(|address| NonNull::new(address as *mut u8));
        address.unwrap_or(NonNull::dangling())
    }

    unsafe fn share(buffer: NonNull<[u8]>, _direction: BufferDirection) -> PhysAddr {
        buffer.addr().get() as PhysAddr
    }

    unsafe fn unshare(_paddr: PhysAddr, _buffer: NonNull<[u8]>, _direction: BufferDirection) {}
}
