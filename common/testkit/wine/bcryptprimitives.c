/* Stands in for a DLL of Windows that Wine has had since version 9. Rust's standard library takes
 * its random numbers from it. `session` builds it into a temporary Wine prefix where it is missing;
 * it is for tests under Wine only and is shipped to nobody. */
#include <windows.h>

/* The same random numbers under their older name, which advapi32 exports. */
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    while (length > 0) {
        ULONG part = length < 0x10000000 ? (ULONG)length : 0x10000000;
        if (!SystemFunction036(buffer, part))
            return FALSE;
        buffer += part;
        length -= part;
    }
    return TRUE;
}
